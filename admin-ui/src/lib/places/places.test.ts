import { describe, expect, it } from 'vitest';
import type { Policy, PolicyDifference } from '#lib/api/document.d.ts';
import { Words } from '../messages/words.ts';
import { addressesOf, portsOf, portText, wrongName, wrongWholeName } from './fields.ts';
import { hoursText, rowsOf, written } from './hours.ts';
import { ALWAYS, byCell, changes, keyOf, sentences, shown, toggled, want, type Wanted } from './matrix.ts';
import { civil, dayOf, endOf, moment } from './zone.ts';

describe('hours', () => {
  it.each([
    'Mo-Fr 07:00-20:00',
    'Mo-Fr 07:00-20:00; Sa 09:00-12:00',
    'Mo 08:00-12:00; We 08:00-12:00; Fr-Su 08:00-12:00',
    'Mo-Su 00:00-24:00',
  ])('%s is written as it was read', (text) => expect(written(rowsOf(text))).toBe(text));

  it('may go over midnight, and over the weekend', () => {
    const night = { days: [false, false, false, false, true, false, true], from: '22:00', to: '06:00' };
    expect(written([night])).toBe('Fr 22:00-24:00; Su 22:00-24:00; Mo 00:00-06:00; Sa 00:00-06:00');
    expect(rowsOf('Sa-Mo 10:00-11:00')[0]?.days).toEqual([true, false, false, false, false, true, true]);
  });

  it('needs a day and two times', () => {
    const row = { days: [true, false, false, false, false, false, false], from: '08:00', to: '09:00' };
    expect(written([row])).toBe('Mo 08:00-09:00');
    for (const bad of [{ days: row.days.map(() => false) }, { from: '' }, { to: '' }, { to: '08:00' }])
      expect(written([{ ...row, ...bad }])).toBeNull();
    expect(written([])).toBeNull();
  });

  it('is said in the language', () => {
    expect(hoursText(new Words('en', [], 'en-GB'), 'Mo-Fr 07:00-20:00; Sa 09:00-12:00')).toBe(
      'Mon–Fri 07:00–20:00, Sat 09:00–12:00',
    );
  });
});

describe('moments of the office', () => {
  it.each([
    ['2026-11-29', '10:00', '2026-11-29T09:00:00Z'],
    ['2026-07-05', '10:00', '2026-07-05T08:00:00Z'],
    ['2026-03-29', '01:30', '2026-03-29T00:30:00Z'],
    ['2026-03-29', '03:30', '2026-03-29T01:30:00Z'],
    ['2026-10-25', '12:00', '2026-10-25T11:00:00Z'],
  ])('%s %s', (date, time, utc) => {
    expect(new Date(moment({ date, time }, 'Europe/Brussels') ?? 0).toISOString().replace('.000', '')).toBe(utc);
    expect(civil(Date.parse(utc), 'Europe/Brussels')).toEqual({ date, time });
  });

  it('end with the day', () => {
    const end = endOf('2026-12-31', 'Europe/Brussels') ?? 0;
    expect(new Date(end).toISOString()).toBe('2026-12-31T23:00:00.000Z');
    expect(dayOf(end, 'Europe/Brussels')).toBe('2026-12-31');
    expect(moment({ date: '', time: '10:00' }, 'Europe/Brussels')).toBeNull();
  });
});

describe('fields', () => {
  it('take addresses of either kind', () => {
    expect(addressesOf(' 192.168.1.10, 2001:db8::1', false)).toEqual({
      address4: '192.168.1.10',
      address6: '2001:db8::1',
    });
    expect(addressesOf('192.168.1.0/24', true)).toEqual({ address4: '192.168.1.0/24', address6: null });
    for (const bad of [
      '',
      '192.168.1',
      '192.168.1.256',
      '192.168.01.1',
      '1.2.3.4 5.6.7.8',
      'files',
      '192.168.1.0/24',
      ':::',
    ])
      expect(addressesOf(bad, false), bad).toBeNull();
    expect(addressesOf('192.168.1.0', true)).toBeNull();
  });

  it('take ports', () => {
    expect(portsOf('443, 5000-5010/udp')?.map(portText)).toEqual(['443', '5000-5010/udp']);
    for (const bad of ['0', '65536', '10-5', 'http', '443/sctp']) expect(portsOf(bad), bad).toBeNull();
  });

  it('take names', () => {
    for (const good of ['files', 'PC-1']) expect(wrongName(good)).toBeNull();
    for (const bad of ['', 'a.b', '-a', 'gateway', 'fïles']) expect(wrongName(bad), bad).toBe('wrongName');
    expect(wrongWholeName('srv.corp.lan.')).toBeNull();
    for (const bad of ['srv', 'srv..lan', 'a_b.lan', '']) expect(wrongWholeName(bad), bad).toBe('wrongWholeName');
  });
});

describe('the matrix', () => {
  const policy = (id: string, resource: string, hours: string | null = null) =>
    ({ id, group: 'g', resource, hours, until: null }) as Policy;
  const held = byCell([policy('1', 'a'), policy('2', 'b', 'Mo 08:00-09:00')]);
  const none: Wanted = new Map();

  it('wants only what is not so already', () => {
    const off = toggled(held, none, keyOf('g', 'b'));
    expect(changes(held, off)).toEqual({ add: [], remove: ['2'] });
    expect(toggled(held, off, keyOf('g', 'b')).size).toBe(0);
    const on = toggled(held, none, keyOf('g', 'c'));
    expect(changes(held, on)).toEqual({ add: [{ group: 'g', resource: 'c', hours: null, until: null }], remove: [] });
    expect(shown(held, on, keyOf('g', 'c'))).toEqual(ALWAYS);
    expect(toggled(held, on, keyOf('g', 'c')).size).toBe(0);
    const other = want(held, none, keyOf('g', 'a'), { hours: 'Su 08:00-09:00', until: null });
    expect(changes(held, other)).toEqual({
      add: [{ group: 'g', resource: 'a', hours: 'Su 08:00-09:00', until: null }],
      remove: ['1'],
    });
  });

  it('says together what happens alike', () => {
    const always = [{ hours: null, until: null }];
    const one = (name: string, before: typeof always, after: typeof always) =>
      ({
        name,
        resource_name: 'a',
        gains: after.length > 0,
        loses: before.length > 0,
        before,
        after,
      }) as PolicyDifference;
    const all = sentences([one('x', always, []), one('y', [], always), one('z', [], always)]);
    expect(all.map(({ kind, people }) => [kind, people])).toEqual([
      ['gain', ['y', 'z']],
      ['lose', ['x']],
    ]);
  });
});
