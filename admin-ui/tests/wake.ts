// One's computer in the office, from home: asleep, woken by a touch, and whether somebody is at it.
import { ensure, story, want } from './browser.ts';
import { accessible, button, fits, locked, opened, signIn, who } from './page.ts';
import { picture } from './pictures.ts';

const PATIENCE = 45_000;

await story(async (browser) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  const person = await who();
  await page.goto('https://door.example.org/');
  await locked(page);
  await signIn(page, person);
  await opened(page);
  const card = page.getByRole('listitem').filter({ hasText: 'pc-compta' });
  await card.getByText('Asleep').waitFor();
  await card.getByText(/wakes in about 45\ss/).waitFor();
  ensure((await card.getByText(/since/).count()) === 0, 'since when it sleeps says when somebody went home');
  await fits(page, 'a computer asleep');
  await accessible(page, 'a computer asleep');
  await button(page, 'Wake: pc-compta').click();
  await card.getByRole('progressbar').waitFor();
  await card.getByText('Signal sent. It does not answer yet.').waitFor();
  await fits(page, 'a computer that wakes');
  await accessible(page, 'a computer that wakes');
  await picture(page, 'waking', 'phone', card);
  await want('called');
  await card.getByText(/pc-compta is ready, after \d+\ss\./).waitFor();
  await card.getByText('Free', { exact: true }).waitFor();
  await want('sign in');
  await card.getByText('Somebody is at it').waitFor();
  await card.getByText('You would find somebody at work').waitFor();
  ensure((await card.getByText(/since/).count()) === 0, 'since when somebody works is nobody’s business');
  await fits(page, 'a computer in use');
  await accessible(page, 'a computer in use');
  ensure(complaints.length === 0, `the browser complains: ${complaints.join(' | ')}`);
});
