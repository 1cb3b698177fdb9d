// Who uses an office PC from afar, as IT sees it, and ends it.
import { administrator, open, row } from './admin.ts';
import { story, want } from './browser.ts';
import { accessible, button, fits } from './page.ts';

await story(async (browser) => {
  const page = await administrator(browser);
  await open(page, 'Computers');
  const parts = page.getByRole('navigation', { name: 'Parts of “Computers”' });
  await parts.getByRole('link', { name: 'Connected' }).click();
  await page.getByText('Nobody is connected to an office PC').waitFor();
  await fits(page, 'nobody connected');
  await accessible(page, 'nobody connected');

  await want('connect');
  await row(page, 'desk').getByText('anne').waitFor();
  await row(page, 'desk').getByText('laptop').waitFor();
  await fits(page, 'somebody connected');
  await accessible(page, 'somebody connected');
  await button(page, 'Disconnect: anne, desk').click();
  const question = page.getByRole('alertdialog', { name: 'Disconnect anne from desk?' });
  await fits(page, 'disconnect?');
  await accessible(page, 'disconnect?');
  await question.getByRole('button', { name: 'Disconnect' }).click();
  await page.getByRole('status').filter({ hasText: 'The connection to desk was ended.' }).waitFor();
  await want('gone');
  await page.getByText('Nobody is connected to an office PC').waitFor();
});
