// Server-sent events, read by hand: EventSource tells neither why it was refused nor whether anything still comes.
import { unattended } from './attended.ts';
import { refused, Refusal } from './client.ts';

/** The longest event: a door with a thousand resources is shorter. */
const LONGEST = 1_000_000;

export interface ServerEvent {
  name: string;
  data: string;
}

/** From the text that comes, in whatever pieces, to the events in it (HTML standard, 9.2; our gateway ends lines with LF). */
export class EventText {
  #rest = '';

  feed(text: string): ServerEvent[] {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    if (this.#rest.length > LONGEST) throw new Refusal('internal');
    return blocks.map(eventOf).filter((event) => event !== null);
  }
}

function eventOf(block: string): ServerEvent | null {
  const values = (field: string) =>
    block
      .split('\n')
      .filter((line) => line.startsWith(`${field}:`))
      .map((line) => line.slice(field.length + 1).replace(/^ /, ''));
  const data = values('data');
  return data.length > 0 ? { name: values('event').pop() ?? 'message', data: data.join('\n') } : null;
}

/** Hears the stream until it ends; what comes at all, signs of life too, is told to `alive`. With a body it is asked by POST. */
export async function follow(
  path: string,
  signal: AbortSignal,
  hear: (event: ServerEvent) => void,
  alive: () => void,
  body?: object,
): Promise<void> {
  const response = await fetch(path, {
    signal,
    credentials: 'same-origin',
    cache: 'no-store',
    redirect: 'error',
    ...(body
      ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
      : { headers: unattended() }),
  });
  if (!response.ok || !response.body) throw await refused(response);
  const [reader, text, events] = [response.body.getReader(), new TextDecoder(), new EventText()];
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return;
    alive();
    events.feed(text.decode(value, { stream: true })).forEach(hear);
  }
}
