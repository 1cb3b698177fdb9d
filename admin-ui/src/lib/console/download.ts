// A file from the gateway, into the browser's downloads; what goes wrong is said on the page, not in a file.
import { refused, Refusal } from '#lib/api/client.ts';
import { save } from '#lib/invitation/save.ts';

/** Fetches it whole. The name is the gateway's, if it gives one. */
export async function download(path: string, name: string): Promise<void> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, { credentials: 'same-origin', cache: 'no-store', redirect: 'error' });
    if (!response.ok) throw await refused(response);
    // Not text(): that takes the mark away by which spreadsheets know UTF-8.
    text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await response.arrayBuffer());
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal('silent');
  }
  const given = /filename="([\w.-]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  save(given ?? name, text);
}
