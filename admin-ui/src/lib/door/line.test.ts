import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Line, pauseMs } from './line.ts';

type Writer = { say(text: string): void; end(): void };

let now = 0;
let asked: { signal: AbortSignal; writer: Writer }[] = [];
let answer: (() => Response) | null = null;
let heard: string[] = [];
let lost = 0;

const line = () =>
  new Line(
    '/events',
    (event) => heard.push(event.name),
    () => (lost += 1),
    () => now,
  );
const door = 'event: door\ndata: {}\n\n';
const settled = () => vi.waitFor(() => new Promise((done) => setTimeout(done)));

beforeEach(() => {
  [now, asked, answer, heard, lost] = [0, [], null, [], 0];
  vi.spyOn(Math, 'random').mockReturnValue(1);
  vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const pen = writable.getWriter();
    const say = (text: string) => void pen.write(new TextEncoder().encode(text)).catch(() => undefined);
    asked.push({ signal, writer: { say, end: () => void pen.close() } });
    return Promise.resolve(answer?.() ?? new Response(readable));
  });
});
afterEach(() => vi.unstubAllGlobals());

it('waits longer after each failure, up to a minute, and not everybody alike', () => {
  expect([0, 1, 2, 5, 6, 60].map((n) => pauseMs(n, 1))).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
  expect(pauseMs(6, 0)).toBe(30_000);
});

it('stands once something has come, and is taken up again after it broke', async () => {
  const events = line();
  events.check();
  expect(asked).toHaveLength(0);
  events.want(true);
  expect([asked.length, events.stands]).toEqual([1, false]);
  asked[0]?.writer.say(door);
  await settled();
  expect([heard, events.stands]).toEqual([['door'], true]);
  asked[0]?.writer.end();
  await settled();
  expect([events.stands, lost]).toEqual([false, 1]);
  events.check();
  expect(asked).toHaveLength(1);
  now = 1_000;
  events.check();
  expect(asked).toHaveLength(2);
  // Signs of life are no news, but they count.
  for (now = 21_000; now < 200_000; now += 20_000) {
    asked[1]?.writer.say(':\n\n');
    await settled();
    events.check();
  }
  expect(asked).toHaveLength(2);
  now += 26_000;
  events.check();
  expect([asked[1]?.signal.aborted, lost]).toEqual([true, 2]);
});

it('comes back when it is told to, and not before', async () => {
  answer = () =>
    new Response(JSON.stringify({ type: 'urn:passerelle:too-many-attempts', retry_after: 60 }), { status: 429 });
  const events = line();
  events.want(true);
  await settled();
  expect(lost).toBe(1);
  now = 59_000;
  events.check();
  expect(asked).toHaveLength(1);
  now = 60_000;
  events.check();
  expect(asked).toHaveLength(2);
});

it('is hung up when there is nothing to follow', async () => {
  const events = line();
  events.want(true);
  asked[0]?.writer.say(door);
  await settled();
  events.want(false);
  expect([asked[0]?.signal.aborted, events.stands]).toEqual([true, false]);
  now = 100_000;
  events.check();
  events.restart();
  expect([asked.length, lost]).toEqual([1, 0]);
  events.want(true);
  events.restart();
  expect([asked.length, asked[1]?.signal.aborted, asked[2]?.signal.aborted]).toEqual([3, true, false]);
});
