// How large a desktop is asked for.

export interface Size {
  width: number;
  height: number;
}

/** PCs cut pictures into such columns; at other widths some hosts send them askew. */
const COLUMNS = 64;
const ROWS = 4;
/** Below this, programs of an office are of no use; the browser makes the picture smaller instead. */
const LEAST: Size = { width: 832, height: 600 };
/** [MS-RDPBCGR] 2.2.1.3.2: `desktopWidth` and `desktopHeight`. */
const MOST: Size = { width: 4096, height: 2048 };

const within = (wanted: number, step: number, least: number, most: number): number =>
  Math.min(most, Math.max(least, Math.floor(wanted / step) * step));

/** The largest that fits this place, in the browser's pixels. */
export const desktopSize = ({ width, height }: Size): Size => ({
  width: within(width, COLUMNS, LEAST.width, MOST.width),
  height: within(height, ROWS, LEAST.height, MOST.height),
});
