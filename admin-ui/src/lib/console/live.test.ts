import { expect, it } from 'vitest';
import type { Live } from '#lib/api/document.d.ts';
import { ALL, KEPT, points, remember } from './live.svelte.ts';

const live = (devices: [string, number][]): Live => ({
  at: 0,
  connected: devices.length,
  open: 0,
  rx_rate: null,
  tx_rate: devices.reduce((sum, [, rate]) => sum + rate, 0),
  devices: devices.map(([device, tx_rate]) => ({ device, tx_rate, rx: 0, tx: 0 })) as Live['devices'],
});

it('remembers two minutes of whoever is there', () => {
  let history = {};
  for (let nth = 0; nth < KEPT + 5; nth++) history = remember(history, live([['a', nth]]));
  const both = remember(history, live([['b', 7]]));
  expect(Object.keys(both).sort()).toEqual([ALL, 'b']);
  expect(both[ALL]).toHaveLength(KEPT);
  expect(both[ALL]?.at(-1)).toBe(7);
  expect(both.b).toEqual([7]);
});

it('draws what there is from the right, within its field', () => {
  expect(points([], 100, 20)).toBe('');
  expect(points([0, 10], 59, 20)).toBe('58,20 59,0');
  expect(points([0], 59, 20)).toBe('59,20');
});
