import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cleanName, Files, windowsName, type Carrier } from './files.svelte.ts';

const carrier = { offer: vi.fn(), measure: vi.fn(), ask: vi.fn(), answer: vi.fn() } satisfies Carrier;
const save = vi.fn<(name: string, content: Blob) => void>();
let files: Files;

const length = (bytes: number) => {
  const eight = new Uint8Array(8);
  new DataView(eight.buffer).setBigUint64(0, BigInt(bytes), true);
  return eight;
};
const states = () => files.transfers.map(({ name, state, passed }) => `${name} ${state} ${passed}`);
const READ = 500;
const copied = (size: number) => {
  files.came([{ name: 'plan.pdf', size }]);
  vi.advanceTimersByTime(READ);
};
const taken = () => {
  const [first] = files.offered;
  if (first) files.take(first);
};

afterEach(() => vi.useRealTimers());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  vi.resetAllMocks();
  files = new Files(save);
  files.carriedBy(carrier);
});

it('gives a file a name that is what it seems', () => {
  expect(cleanName('C:\\Temp\\..\\plan.pdf')).toBe('plan.pdf');
  expect(cleanName('invoice\u202efdp.exe')).toBe('invoice_fdp.exe');
  expect(cleanName(`plan.pdf${'\u00a0'.repeat(200)}.exe`)).toBe('plan.pdf .exe');
  expect(cleanName('a\u0000\nb')).toBe('a__b');
  expect([cleanName(''), cleanName('dir/')]).toEqual(['_', '_']);
});

it('gives a file a name that Windows can have', () => {
  expect(windowsName('a: notes\\or/so?.txt')).toBe('a_ notes_or_so_.txt');
  expect(windowsName(`${'x'.repeat(300)}.pdf`)).toMatch(/^x{255}\.pdf$/);
  expect(windowsName('')).toBe('_');
});

describe('to the PC', () => {
  const file = new File(['bonjour'], 'mot.txt');
  const asked = (change: object) =>
    files.asked({ streamId: 5, index: 0, measured: false, position: 0, size: 4, lock: undefined, ...change });
  const answered = (text: string | null) =>
    expect(carrier.answer).toHaveBeenLastCalledWith(5, text === null ? null : new TextEncoder().encode(text));

  it('is given in parts, once somebody pastes it', async () => {
    expect(files.send([file])).toBe(true);
    expect(carrier.offer).toHaveBeenCalledWith([{ name: 'mot.txt', size: 7, lastModified: file.lastModified }]);
    expect(states()).toEqual(['mot.txt waits 0']);
    await asked({ measured: true });
    expect(carrier.answer).toHaveBeenLastCalledWith(5, length(7));
    await asked({});
    expect(states()).toEqual(['mot.txt goes 4']);
    await asked({ position: 4 });
    expect(carrier.answer).toHaveBeenLastCalledWith(5, new TextEncoder().encode('our'));
    expect(states()).toEqual(['mot.txt done 7']);
    // Pasted twice.
    await asked({});
    expect(states()).toEqual(['mot.txt done 7']);
  });

  it('may be chosen anew as long as it was not pasted', async () => {
    files.send([file]);
    files.send([new File(['x'], 'other.txt')]);
    expect(states()).toEqual(['other.txt waits 0']);
    await asked({ index: 1 });
    expect(carrier.answer).toHaveBeenLastCalledWith(5, null);
    files.replaced();
    expect(states()).toEqual([]);
    await asked({});
    expect(carrier.answer).toHaveBeenLastCalledWith(5, null);
  });

  it('is never mixed with what is sent after it', async () => {
    const other = new File(['else'], 'other.txt');
    files.send([file]);
    await asked({});
    // The PC keeps nothing: it is waited for, as long as it goes on.
    expect(files.busy).toBe(true);
    expect(files.send([other])).toBe(false);
    vi.advanceTimersByTime(15_000);
    expect(files.send([other])).toBe(true);
    expect(states()).toEqual(['other.txt waits 0', 'mot.txt failed 4']);
    // It keeps what it has begun.
    files.locked(3);
    await asked({ lock: 3 });
    expect(files.send([file])).toBe(true);
    await asked({ lock: 3, position: 2, size: 2 });
    answered('se');
    await asked({ lock: 4 });
    answered(null);
    await asked({});
    answered('bonj');
    files.unlocked(3);
    await asked({ lock: 3 });
    answered(null);
  });

  it('is not given while something else is sent meanwhile', async () => {
    files.send([file]);
    const reads = asked({});
    files.replaced();
    await reads;
    answered(null);
    expect(states()).toEqual([]);
  });

  it('is done when all of it was given, not its end alone', async () => {
    files.send([file]);
    await asked({ position: 5, size: 9 });
    expect(states()).toEqual(['mot.txt goes 0']);
    await asked({ position: 8 });
    answered(null);
  });

  it('is given to a PC that waits for it', async () => {
    files.send([file]);
    const all = Array.from({ length: 40 }, (_, nth) => asked({ streamId: nth }));
    await Promise.all(all);
    const given = carrier.answer.mock.calls.filter(([, bytes]) => bytes !== null);
    expect(given).toHaveLength(16);
    await asked({});
    answered('bonj');
  });

  it('is cancelled alone', async () => {
    files.send([file, new File(['x'], 'other.txt')]);
    files.locked(1);
    await asked({});
    files.cancel(1);
    for (const lock of [1, undefined]) {
      await asked({ lock });
      answered(null);
    }
    await asked({ index: 1, lock: 1 });
    answered('x');
    expect(states()).toEqual(['other.txt done 1']);
  });

  it('does not come if the PC lets go of it after another was sent', async () => {
    files.send([file]);
    files.locked(1);
    await asked({ lock: 1 });
    files.send([new File(['x'], 'other.txt')]);
    expect(states()).toEqual(['other.txt waits 0', 'mot.txt goes 4']);
    files.unlocked(1);
    expect(states()).toEqual(['other.txt waits 0', 'mot.txt failed 4']);
  });

  it('is no more than a hundred at once', () => {
    expect(files.send(Array.from({ length: 101 }, () => file))).toBe(false);
    expect(states()).toEqual([]);
  });

  it('fails if the PC takes no files', () => {
    carrier.offer.mockImplementation(() => {
      throw new Error();
    });
    expect(files.send([file])).toBe(false);
    expect(states()).toEqual(['mot.txt failed 0']);
  });

  it('is there at once if it is empty', async () => {
    files.send([new File([], 'empty')]);
    await asked({ measured: true });
    expect(states()).toEqual(['empty done 0']);
  });
});

describe('from the PC', () => {
  const MIB = 1024 * 1024;

  it('is asked for in parts, and saved whole', async () => {
    files.came([
      { name: 'folder', size: 0, isDirectory: true },
      { name: 'plan.pdf', path: 'folder', size: 300_000 },
    ]);
    expect(files.offered).toMatchObject([{ nth: 1, name: 'plan.pdf', folder: 'folder', bytes: 300_000 }]);
    // A list that comes under one's finger is not what was pressed at.
    taken();
    expect(carrier.measure).not.toHaveBeenCalled();
    vi.advanceTimersByTime(READ);
    taken();
    expect(carrier.measure).toHaveBeenCalledWith(1, 1);
    files.answered(1, length(300_000));
    expect(carrier.ask).toHaveBeenLastCalledWith(1, 1, 0, 262_144);
    // Less than was asked for.
    files.answered(1, new Uint8Array(200_000).fill(1));
    expect(carrier.ask).toHaveBeenLastCalledWith(1, 1, 200_000, 100_000);
    expect(states()).toEqual(['plan.pdf goes 200000']);
    files.answered(1, new Uint8Array(100_000).fill(2));
    expect(states()).toEqual(['plan.pdf done 300000']);
    const [name, content] = save.mock.calls[0] ?? [];
    const bytes = new Uint8Array((await content?.arrayBuffer()) ?? []);
    expect([name, bytes.length, bytes[199_999], bytes[200_000]]).toEqual(['plan.pdf', 300_000, 1, 2]);
  });

  it('is empty if the PC says so', () => {
    copied(0);
    taken();
    files.answered(1, length(0));
    expect(save).toHaveBeenCalledOnce();
  });

  it.each([
    ['no answer', null, null],
    ['no length', new Uint8Array(3), null],
    ['longer than a browser keeps', length(3 * 1024 * MIB), null],
    ['nothing more', length(10), new Uint8Array(0)],
    ['more than there is', length(10), new Uint8Array(11)],
    ['more than was announced', length(11), new Uint8Array(11)],
    ['a drop at a time', length(10), new Uint8Array(1)],
    ['a part that is missing', length(10), null],
  ])('is not saved: %s', (_, first, second) => {
    copied(10);
    taken();
    files.answered(1, first);
    files.answered(1, second);
    files.answered(1, new Uint8Array(10));
    expect(save).not.toHaveBeenCalled();
    expect(states()[0]).toMatch(/failed/);
  });

  it('ends if the PC falls silent, or copies something else', () => {
    copied(10);
    taken();
    files.answered(1, length(10));
    vi.advanceTimersByTime(65_000);
    taken();
    copied(20);
    files.answered(2, length(10));
    expect(states()).toEqual(['plan.pdf failed 0', 'plan.pdf failed 0']);
    files.withdrawn();
    expect(files.offered).toEqual([]);
  });

  it('is cancelled', () => {
    copied(10);
    taken();
    files.cancel(1);
    files.answered(1, length(10));
    expect([states(), carrier.ask.mock.calls]).toEqual([[], []]);
  });

  it('is another session’s no more', () => {
    copied(10);
    files.leftBy({ ...carrier });
    expect(files.offered).toHaveLength(1);
    files.leftBy(carrier);
    expect(files.offered).toEqual([]);
  });

  it('fails when the line is gone', () => {
    copied(10);
    taken();
    files.carriedBy(null);
    expect(states()).toEqual(['plan.pdf failed 0']);
    expect(files.offered).toEqual([]);
    copied(10);
    taken();
    expect(states()).toEqual(['plan.pdf failed 0', 'plan.pdf failed 0']);
  });
});

it('shows no more than a hundred', () => {
  files.came(Array.from({ length: 500 }, (_, nth) => ({ name: `${nth}`, size: 1 })));
  vi.advanceTimersByTime(READ);
  expect([files.offered.length, files.more]).toEqual([100, 400]);
  for (let nth = 0; nth < 150; nth += 1) {
    taken();
    files.answered(nth + 1, null);
  }
  expect(files.transfers).toHaveLength(100);
});
