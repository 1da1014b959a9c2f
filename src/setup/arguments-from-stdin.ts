import { text } from 'node:stream/consumers';

/*
 * Loaded before another program (`node --import`). It reads that program's arguments, a JSON list, from standard input:
 * other users of the machine can read a command line, but not a pipe.
 */

const given: string[] = JSON.parse(await text(process.stdin));
process.argv.push(...given);
