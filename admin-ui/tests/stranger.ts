import { story } from './browser.ts';

await story(async (browser) => {
  const page = await browser.newPage();
  const refused = await page.goto('https://door.example.org/').then(
    () => 'a page',
    (error: Error) => error.message,
  );
  console.log(refused);
});
