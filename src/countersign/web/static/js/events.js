// Server-sent events from a fetch() body: EventSource can neither POST nor send a header.

/** Yields {event, data} for each event of *response*; comments (heartbeats) are passed over. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      waiting += value.replaceAll("\r\n", "\n");
      let end;
      while ((end = waiting.indexOf("\n\n")) >= 0) {
        const found = parse(waiting.slice(0, end));
        waiting = waiting.slice(end + 2);
        if (found) yield found;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(frame) {
  let event = "message";
  const data = [];
  for (const line of frame.split("\n")) {
    if (line.startsWith("event:")) event = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { event, data: JSON.parse(data.join("\n")) } : null;
}
