// Copies the few files of the browser libraries that pages load, with their licences. No bundler, no change.
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "..", "..", "..", "node_modules");
const vendor = join(here, "static", "vendor");

const files = {
  "htmx.org/dist/htmx.min.js": "htmx.min.js",
  "htmx.org/LICENSE": "htmx.LICENSE",
  "bootstrap-icons/bootstrap-icons.svg": "bootstrap-icons.svg",
  "bootstrap-icons/LICENSE": "bootstrap-icons.LICENSE",
  "markdown-it/dist/browser/markdown-it.esm.min.mjs": "markdown-it.min.js",
  "markdown-it/LICENSE": "markdown-it.LICENSE",
  "dejavu-fonts-ttf/ttf/DejaVuSans.ttf": "DejaVuSans.ttf",
  "dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf": "DejaVuSans-Bold.ttf",
  "dejavu-fonts-ttf/ttf/DejaVuSans-Oblique.ttf": "DejaVuSans-Oblique.ttf",
  "dejavu-fonts-ttf/ttf/DejaVuSans-BoldOblique.ttf": "DejaVuSans-BoldOblique.ttf",
  "dejavu-fonts-ttf/ttf/DejaVuSansMono.ttf": "DejaVuSansMono.ttf",
  "dejavu-fonts-ttf/LICENSE": "dejavu-fonts.LICENSE",
};

rmSync(vendor, { recursive: true, force: true });
mkdirSync(vendor, { recursive: true });
for (const [from, to] of Object.entries(files)) {
  copyFileSync(join(modules, from), join(vendor, to));
}
