// By which name somebody signs in on a PC. It is remembered in this browser, a PC each; a password never is.

export interface Account {
  user: string;
  domain: string;
}

const key = (pc: string) => `desktop-user ${pc}`;

/** `OFFICE\anne` is Anne of that domain; `anne@office.lan` is a name as it stands. */
export function accountOf(typed: string): Account {
  const [domain = '', ...rest] = typed.trim().split('\\');
  return rest.length > 0 ? { user: rest.join('\\'), domain } : { user: domain, domain: '' };
}

// Storage may be switched off.
export function remembered(pc: string): string {
  try {
    return localStorage.getItem(key(pc)) ?? '';
  } catch {
    return '';
  }
}

export function remember(pc: string, typed: string): void {
  try {
    localStorage.setItem(key(pc), typed.trim());
  } catch {
    return;
  }
}
