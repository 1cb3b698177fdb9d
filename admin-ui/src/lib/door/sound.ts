// Two soft notes before a door locks, for people who look elsewhere and want to hear it. Made here: no file is fetched.

const NOTES_HZ = [523.25, 659.25];
const APART_S = 0.25;
const LASTS_S = 0.7;
const LOUDNESS = 0.2;

let context: AudioContext | null = null;

/** Plays them. A browser that was never clicked in this page stays silent. */
export function chime(): void {
  context ??= new AudioContext();
  // Asleep since the page was loaded, or since the machine was.
  void context.resume();
  for (const [nth, hertz] of NOTES_HZ.entries()) {
    const at = context.currentTime + nth * APART_S;
    const [note, loudness] = [context.createOscillator(), context.createGain()];
    note.frequency.value = hertz;
    loudness.gain.setValueAtTime(0, at);
    loudness.gain.linearRampToValueAtTime(LOUDNESS, at + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + LASTS_S);
    note.connect(loudness).connect(context.destination);
    note.start(at);
    note.stop(at + LASTS_S);
  }
}
