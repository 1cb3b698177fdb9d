// A file for the person, made in the page: it comes from nowhere and goes nowhere else.

/** Puts text into a file of the browser's downloads. */
export const save = (name: string, text: string): void =>
  saveAs(name, new Blob([text], { type: 'application/octet-stream' }));

/** The same for what is no text. */
export function saveAs(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
