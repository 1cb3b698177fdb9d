import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Invitation, User, Verification } from '#lib/api/document.d.ts';
import { base64, csv, isLogin, isName, listOf, loginOf, stateOf } from './people.ts';

const NOW = 1_000_000;
const user = (more: Partial<User>): User => ({
  id: 'u',
  login: 'anne',
  name: 'Anne',
  language: 'fr',
  role: 'user',
  groups: [],
  factor_confirmed: true,
  factor_suspended: false,
  disabled_at: null,
  created_at: 0,
  devices: 0,
  ...more,
});

it('makes a login of a name', () => {
  const made = ['Anne Dubois', ' Zoë  d’Été-Martin ', 'Núria', 'Straße Øst', '佐藤', '-', 'x'.repeat(80)].map(loginOf);
  expect(made).toEqual(['anne.dubois', 'zoe.d.ete-martin', 'nuria', 'strasse.ost', '', '', 'x'.repeat(64)]);
  expect(made.filter(Boolean).every(isLogin)).toBe(true);
  expect(['', ' ', 'é', 'a b', '-a', 'x'.repeat(65)].some(isLogin)).toBe(false);
  expect([isName('Zoé “Z” O’Brien'), isName('x'.repeat(65)), isName(' '), isName('a\nb')]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

it('says of somebody what matters most', () => {
  const invitation = { user: 'u', until: NOW + 1, redeemed_at: null, revoked_at: null } as Invitation;
  const door = { user: 'u', until: NOW + 5, remaining_ms: 5 } as Verification;
  const state = (more: Partial<User>, i: Invitation[] = [], d: Verification[] = []) =>
    stateOf(user(more), i, d, NOW).name;
  expect(state({ disabled_at: 1, factor_suspended: true })).toBe('shut');
  expect(state({ factor_suspended: true }, [], [door])).toBe('suspended');
  expect(state({ factor_confirmed: false }, [invitation])).toBe('invited');
  expect(state({ factor_confirmed: false }, [{ ...invitation, until: NOW }])).toBe('uninvited');
  expect(state({ factor_confirmed: false }, [{ ...invitation, user: 'other' }])).toBe('uninvited');
  expect(state({}, [invitation], [door])).toBe('open');
  expect(state({}, [], [{ ...door, user: 'other' }])).toBe('ready');
});

it('writes lists that no spreadsheet reckons with', () => {
  expect(csv([['=1+1', '@x', '-1', '+2', '\t3']], 'en')).toBe("\ufeff'=1+1,'@x,'-1,'+2,\"'\t3\"\r\n");
  expect(csv([["x;=cmd|'/C calc'!A0;", 'x,\t＝1', 'a;"=1', 'Dubois, Anne', 'a|-b']], 'en')).toBe(
    `\ufeff"x;'=cmd|'/C calc'!A0;","x,'\t'＝1","a;'""=1","Dubois, Anne",a|-b\r\n`,
  );
  expect(csv([[' =1', '＝1', '\n=1', ' ＠x', ' a', 'a=1']], 'en')).toBe("\ufeff' =1,'＝1,\"'\n=1\",' ＠x, a,a=1\r\n");
  const guarded = /starts_with\(\['=', ([^\]]*)\]\)\s*\|\| text\.starts_with\(\[([^\]]*)\]\)/;
  const [, signs = '', first = ''] = guarded.exec(readFileSync('../gateway/src/http/audit_file.rs', 'utf8')) ?? [];
  expect([signs, first]).toEqual(["'+', '-', '@', '＝', '＋', '－', '＠'", "'\\t', '\\r', '\\n'"]);
  expect(csv([['a;b', 'c"d', 'e\nf', 'g']], 'fr')).toBe('\ufeff"a;b";"c""d";"e\nf";g\r\n');
});

it('exports what is imported', () => {
  const anne = user({ name: '=HYPERLINK("x")', mail: 'anne@x.example', groups: ['a', 'b'] });
  const boris = user({ login: 'boris', name: 'Boris', language: 'nl' });
  // The import reads these very lines, in provisioning's tests.
  const lines = [
    ['login', 'name', 'mail', 'language', 'groups'],
    ['anne', `"'=HYPERLINK(""x"")"`, 'anne@x.example', 'fr', 'a|b'],
    ['boris', 'Boris', '', 'nl', ''],
  ];
  for (const [language, between] of [
    ['nl', ';'],
    ['en', ','],
  ] as const) {
    const file = `\ufeff${lines.map((line) => line.join(between)).join('\r\n')}\r\n`;
    expect(listOf([anne, boris], language)).toBe(file);
  }
});

it('sends bytes as they are', () => {
  expect(base64(new Uint8Array([0, 233, 255]))).toBe('AOn/');
});
