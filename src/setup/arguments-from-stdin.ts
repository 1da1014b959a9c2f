import { text } from 'node:stream/consumers';

/*
 * Loaded before another program (`node --import`): reads that program's arguments, a JSON list, from standard input,
 * where no other user of the machine can read them.
 */

const given: string[] = JSON.parse(await text(process.stdin));
process.argv.push(...given);
