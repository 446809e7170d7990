// The Markdown of an answer that is still coming, as nodes: what the parser finds is drawn from a short list of
// elements, so nothing that a model writes becomes HTML, and nothing is loaded. The server draws the whole of it after.

import MarkdownIt from "../vendor/markdown-it.min.js";

const parser = new MarkdownIt("commonmark", { html: false, breaks: true })
  .enable(["table", "strikethrough"])
  .disable(["reference", "image", "html_block", "html_inline"]);

const PLAIN = ["p", "ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "strong", "em", "s", "hr"];
const element = (tag) => document.createElement(tag);
const tagOf = (tag) => (/^h[1-4]$/.test(tag) ? `h${+tag[1] + 2}` : tag === "a" ? "span" : PLAIN.includes(tag) ? tag : "span");

/** *text* so far as a fragment. A link is drawn as its words: where it leads is told once the answer is complete. */
export function sketch(text) {
  const root = document.createDocumentFragment();
  draw(parser.parse(text.replace(/[*_`]+$/, ""), {}), root);
  return root;
}

function draw(tokens, root) {
  const open = [root];
  for (const token of tokens) {
    const here = open.at(-1);
    if (token.type === "inline") draw(token.children, here);
    else if (token.type === "text") words(token.content, here);
    else if (token.type === "softbreak" || token.type === "hardbreak") here.append(element("br"));
    else if (token.type === "code_inline") here.append(code(token.content));
    else if (token.type === "fence" || token.type === "code_block") {
      const block = element("pre");
      block.append(code(token.content));
      here.append(block);
    } else if (token.nesting > 0) open.push(begin(token, here));
    else if (token.nesting < 0) open.pop();
    else if (token.tag === "hr") here.append(element("hr"));
    else if (token.content) words(token.content, here);
  }
}

function begin(token, here) {
  // A tight list has paragraphs that are not drawn.
  if (token.hidden) return here;
  const made = element(tagOf(token.tag));
  const side = token.attrGet?.("style")?.match(/^text-align:(right|center)$/)?.[1];
  if (side) made.className = side;
  if (token.tag === "ol" && token.attrGet("start")) made.start = Number(token.attrGet("start"));
  if (token.tag === "table") {
    const holder = element("div");
    holder.className = "scroll";
    holder.append(made);
    here.append(holder);
  } else here.append(made);
  return made;
}

function code(text) {
  const made = element("code");
  made.textContent = text;
  return made;
}

/** Text with its citations. */
function words(text, here) {
  for (const piece of text.split(/(\[\d{1,2}\])/)) {
    if (/^\[\d+\]$/.test(piece)) {
      const cite = element("span");
      cite.className = "cite";
      cite.textContent = piece.slice(1, -1);
      here.append(cite);
    } else if (piece) here.append(piece);
  }
}
