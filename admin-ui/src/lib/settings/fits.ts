// What can be right in a field, before the gateway is asked: it knows more, and has the last word.

export const nameFits = (text: string): boolean => text.trim().length > 0 && [...text.trim()].length <= 64;

export function zoneOfTimeFits(text: string): boolean {
  try {
    return text.trim() !== '' && !!new Intl.DateTimeFormat('en', { timeZone: text.trim() });
  } catch {
    return false;
  }
}

export function endpointFits(text: string): boolean {
  const [, port] = /^(?:\[[0-9a-f:]+\]|[a-z0-9.-]+):(\d{1,5})$/i.exec(text.trim()) ?? [];
  return port !== undefined && portFits(port);
}

export const portFits = (text: string): boolean => /^\d{1,5}$/.test(text.trim()) && +text > 0 && +text < 65_536;

export const interfaceFits = (text: string): boolean => /^[\w.+-]{1,15}$/.test(text.trim());

export const zoneFits = (text: string): boolean => /^[a-z0-9-]+(\.[a-z0-9-]+)*\.?$/i.test(text);

/** `192.168.1.1` means its port 53. */
export function resolver(text: string): string | null {
  const four = /^\d{1,3}(\.\d{1,3}){3}$/;
  if (four.test(text)) return `${text}:53`;
  if (/^[0-9a-f:]+$/i.test(text) && text.split(':').length > 2) return `[${text}]:53`;
  return /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:]+\]):\d{1,5}$/i.test(text) ? text : null;
}

export const mailFits = (text: string): boolean =>
  /^[^\s@<>,;]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(text.trim()) && text.length <= 254;

export const phoneFits = (text: string): boolean => /^[\d+ ()./-]{0,40}$/.test(text.trim());

export function urlFits(text: string): boolean {
  if (!/^https?:\/\//i.test(text.trim()) || text.length > 500) return false;
  try {
    const url = new URL(text.trim());
    return url.hostname !== '' && url.password === '';
  } catch {
    return false;
  }
}

/** A number within bounds. */
export const numberFits = (text: string, [least, most]: readonly [number, number]): boolean => {
  const n = Number(text.replace(',', '.'));
  return text.trim() !== '' && n >= least && n <= most;
};

/** Whole minutes within bounds; 0: none. */
export const minutesFit = (text: string, bounds: readonly [number, number]): boolean =>
  /^\d{1,5}$/.test(text.trim()) && (Number(text) === 0 || numberFits(text, bounds));
