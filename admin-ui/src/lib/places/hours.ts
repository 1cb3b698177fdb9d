// Weekly hours as the gateway writes them, `Mo-Fr 07:00-20:00; Sa 09:00-12:00`, as rows to edit and as words to read.
import type { Words } from '../messages/words.ts';

const DAYS = ['Mo', 'Tu', 'We', 'Th', 'Fr', 'Sa', 'Su'] as const;

/** The same time on some days. Until midnight is `00:00`; an end before its beginning is on the day after. */
export interface Row {
  /** Monday first. */
  days: boolean[];
  from: string;
  to: string;
}

/** What is offered first. */
export const officeHours = (): Row => ({ days: DAYS.map((_, nth) => nth < 5), from: '07:00', to: '20:00' });

interface Span {
  first: number;
  last: number;
  from: string;
  to: string;
}

function spans(text: string): Span[] {
  return text.split(';').map((part) => {
    const [, first = '', last, from = '', to = ''] = /^(\w\w)(?:-(\w\w))? ([\d:]+)-([\d:]+)$/.exec(part.trim()) ?? [];
    const day = (name: string) => DAYS.findIndex((d) => d === name);
    return { first: day(first), last: day(last ?? first), from, to };
  });
}

/** To edit; spans at the same time are one row. */
export function rowsOf(text: string): Row[] {
  const rows = new Map<string, Row>();
  for (const { first, last, from, to } of spans(text)) {
    const row = rows.get(`${from} ${to}`) ?? { days: DAYS.map(() => false), from, to: to === '24:00' ? '00:00' : to };
    rows.set(`${from} ${to}`, row);
    for (let day = first; ; day = (day + 1) % 7) {
      row.days[day] = true;
      if (day === last) break;
    }
  }
  return [...rows.values()];
}

/** As the gateway reads it; null where a day or a time is missing. */
export function written(rows: readonly Row[]): string | null {
  const parts: string[] = [];
  for (const { days, from, to } of rows) {
    if (!days.some(Boolean) || !/^\d\d:\d\d$/.test(from) || !/^\d\d:\d\d$/.test(to) || from === to) {
      // A whole day is from midnight to midnight.
      if (from !== '00:00' || to !== '00:00' || !days.some(Boolean)) return null;
    }
    const end = to === '00:00' ? '24:00' : to;
    if (from < end) {
      parts.push(...runs(days).map((run) => `${run} ${from}-${end}`));
    } else {
      const next = days.map((_, nth) => days[(nth + 6) % 7] ?? false);
      parts.push(...runs(days).map((run) => `${run} ${from}-24:00`), ...runs(next).map((run) => `${run} 00:00-${end}`));
    }
  }
  return parts.length > 0 ? parts.join('; ') : null;
}

/** `Mo-Fr`, `Su`: days in a row as one. */
function runs(days: readonly boolean[]): string[] {
  const found: string[] = [];
  for (let first = 0; first < 7; first++) {
    if (!days[first] || days[first - 1]) continue;
    let last = first;
    while (days[last + 1]) last++;
    found.push(last > first ? `${DAYS[first]}-${DAYS[last]}` : `${DAYS[first]}`);
  }
  return found;
}

/** The name of a day, Monday first: `Mon`, or `Monday`. */
export function dayName(words: Words, nth: number, weekday: 'short' | 'long' = 'short'): string {
  // 5 January 1970 was a Monday.
  return new Intl.DateTimeFormat(words.tag, { weekday, timeZone: 'UTC' }).format((4 + nth) * 86_400_000);
}

/** `Mon–Fri 07:00–20:00, Sat 09:00–12:00` */
export function hoursText(words: Words, text: string): string {
  const one = ({ first, last, from, to }: Span) => {
    const days = first === last ? dayName(words, first) : `${dayName(words, first)}–${dayName(words, last)}`;
    return `${days} ${from}–${to}`;
  };
  return spans(text).map(one).join(', ');
}
