import { expect, it } from 'vitest';
import { EventText } from './stream.ts';

it('reads events out of any pieces', () => {
  const text =
    ': \n\nevent: door\ndata: {"state":"open"}\n\nevent:grace\ndata: a\ndata:b\n\n:\n\ndata: x\n\nevent: half';
  const events = [
    { name: 'door', data: '{"state":"open"}' },
    { name: 'grace', data: 'a\nb' },
    { name: 'message', data: 'x' },
  ];
  expect(new EventText().feed(text)).toEqual(events);
  const slow = new EventText();
  expect([...text].flatMap((letter) => slow.feed(letter))).toEqual(events);
});

it('does not keep what never ends', () => {
  const text = new EventText();
  expect(() => {
    for (let n = 0; n < 2_000; n += 1) text.feed('x'.repeat(1_000));
  }).toThrow();
});
