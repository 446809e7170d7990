// A conversation that a colleague shared: its blocks of code can be copied.

import { codeCopies } from "./code.js";

const conversation = document.querySelector(".shared");
codeCopies(conversation, conversation.dataset);
