// Notices of the browser's own, for people who look elsewhere.

/** Telephones halt a page that is not looked at, and most know no notices of pages: there it would be an empty promise. */
const goesOn = () => 'Notification' in window && matchMedia('(hover: hover) and (pointer: fine)').matches;

/** What the person has said to it; `denied` also where there is nothing to ask for. */
export const allowed = (): NotificationPermission => (goesOn() ? Notification.permission : 'denied');

/** The browser's own question: to be asked by a click only. */
export const ask = (): Promise<NotificationPermission> => Notification.requestPermission();

const SOUND = 'sound';

/** Whether a sound is wanted. Storage may be switched off: then it is not. */
export function audible(): boolean {
  try {
    return localStorage.getItem(SOUND) === 'on';
  } catch {
    return false;
  }
}

/** From now on, on this browser; what was chosen is heard at once. */
export function beAudible(on: boolean): void {
  try {
    localStorage.setItem(SOUND, on ? 'on' : 'off');
  } catch {
    // Asked again next time.
  }
  if (on) void sound();
}

/** Few want it: its part is loaded when it is. */
const sound = async () => (await import('./sound.ts')).chime();

/** Says it, if that was allowed and nobody is looking; and is heard, if that is wanted. The next notice takes its place. */
export function tell(title: string, body: string, lang: string): void {
  if (audible()) void sound();
  if (allowed() !== 'granted' || (!document.hidden && document.hasFocus())) return;
  try {
    const notice = new Notification(title, { body, lang, tag: 'door' });
    notice.onclick = () => {
      window.focus();
      notice.close();
    };
  } catch {
    // The page shows it all the same.
    return;
  }
}
