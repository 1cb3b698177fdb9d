// Programs that are looked for on office PCs, one a line, as IT writes them: `Sage = C:\\Program Files\\Sage`.
import type { Program } from '#lib/api/document.d.ts';

/** A key of Windows’ registry, and a package of Linux’s or Windows’ own list, are told by what stands before them. */
const KINDS = /^(registry|package):\s*(.*)$/i;

export function written(programs: readonly Program[]): string {
  const place = ({ look }: Program) => {
    if (look.at === 'path') return look.path;
    return look.at === 'registry' ? `registry:${look.key}` : `package:${look.name}`;
  };
  return programs.map((program) => `${program.name} = ${place(program)}`).join('\n');
}

/** Null for what is none. */
export function programOf(line: string): Program | null {
  const [, name = '', place = ''] = /^([^=]+)=(.+)$/.exec(line) ?? [];
  if (!name.trim() || !place.trim()) return null;
  const [, kind = '', what = ''] = KINDS.exec(place.trim()) ?? [];
  const of = (look: Program['look']): Program => ({ name: name.trim(), look });
  if (kind.toLowerCase() === 'registry') return what ? of({ at: 'registry', key: what }) : null;
  if (kind) return what ? of({ at: 'package', name: what }) : null;
  return of({ at: 'path', path: place.trim() });
}
