import { links } from '../../src/console/links.ts';
import { KeysPage, type KeysPageProps } from '../../src/console/pages/keys.tsx';
import { NotFoundPage } from '../../src/console/pages/not-found.tsx';
import { RefusedPage } from '../../src/console/pages/refused.tsx';
import { SessionEndedPage } from '../../src/console/pages/session-ended.tsx';
import { SignInPage } from '../../src/console/pages/sign-in.tsx';
import { SignInLinkPage } from '../../src/console/pages/sign-in-link.tsx';
import { UnavailablePage } from '../../src/console/pages/unavailable.tsx';
import { ADMIN, KEYS_OF_MANAGER, MAIN_KEYS, MANAGER, NOBODY, NOW, PERSONAL_KEYS } from './example-values.ts';

/*
 * Every page with the values of the design's prototype, by the name of the prototype's file. They are for looking at
 * beside it, and for the tests of what holds on each page.
 */

const ORIGIN = 'https://keys.example.com';

const main: KeysPageProps = {
  frame: ADMIN,
  tab: 'main',
  counts: { main: 287, personal: 46 },
  seesKeysOfOthers: true,
  mayCreate: true,
  filters: [
    { name: 'All', status: undefined, count: 287 },
    { name: 'Active', status: 'active', count: 241 },
    { name: 'Paused', status: 'paused', count: 1 },
    { name: 'Expired', status: 'expired', count: 17 },
    { name: 'Revoked', status: 'disabled', count: 28 },
    { name: 'Refused today', status: 'refused', count: 1, deservesLook: true },
    { name: 'Expires soon', status: 'soon', count: 2, deservesLook: true },
    { name: 'Open', status: 'open', count: 3, deservesLook: true },
    { name: 'Unused 90 days', status: 'unused', count: 2, deservesLook: true },
  ],
  query: { type: 'bot' },
  keys: MAIN_KEYS,
  page: 1,
  perPage: 10,
  found: 287,
  foundElsewhere: null,
  origin: ORIGIN,
};

export const EXAMPLES = {
  'keys-main': () => <KeysPage {...main} />,
  'keys-personal': () => (
    <KeysPage
      {...main}
      tab="personal"
      filters={[
        { name: 'All', status: undefined, count: 46 },
        { name: 'Active', status: 'active', count: 39 },
        { name: 'Paused', status: 'paused', count: 0 },
        { name: 'Expired', status: 'expired', count: 5 },
        { name: 'Revoked', status: 'disabled', count: 2 },
        { name: 'Mine', status: 'mine', count: 1, deservesLook: true },
        { name: 'Expires soon', status: 'soon', count: 1, deservesLook: true },
        { name: 'Open', status: 'open', count: 1, deservesLook: true },
        { name: 'Unused 90 days', status: 'unused', count: 4, deservesLook: true },
      ]}
      query={{ type: 'user' }}
      keys={PERSONAL_KEYS}
      perPage={5}
      found={46}
    />
  ),
  'keys-personal-manager': () => (
    <KeysPage
      {...main}
      frame={MANAGER}
      tab="personal"
      counts={{ main: null, personal: 3 }}
      seesKeysOfOthers={false}
      filters={[
        { name: 'All', status: undefined, count: 3 },
        { name: 'Active', status: 'active', count: 2 },
        { name: 'Expired', status: 'expired', count: 1 },
        { name: 'Revoked', status: 'disabled', count: 0 },
      ]}
      query={{ type: 'user' }}
      keys={KEYS_OF_MANAGER}
      found={3}
    />
  ),
  'keys-empty': () => <KeysPage {...main} counts={{ main: 0, personal: 0 }} filters={[]} keys={[]} found={0} />,
  'keys-none-found': () => (
    <KeysPage
      {...main}
      query={{ type: 'bot', status: 'active', search_text: 'store lokator' }}
      keys={[]}
      found={0}
      foundElsewhere={1}
    />
  ),
  'sign-in': () => <SignInPage frame={NOBODY} keyPrefix="lk" clientIp="203.0.113.7" hasAccess error={null} />,
  'sign-in-error': () => (
    <SignInPage
      frame={NOBODY}
      keyPrefix="lk"
      clientIp="203.0.113.7"
      hasAccess
      error="Part of the key is missing, or a character is wrong: its checksum does not fit. Copy it again, from lk_ to the end."
    />
  ),
  'sign-in-link': () => (
    <SignInLinkPage
      frame={NOBODY}
      link={{
        name: 'Demo Business Manager',
        organisation: 'Demo organisation',
        endsAt: Date.parse('2026-11-26T13:40:00Z'),
      }}
      action={`${links.signIn}/w3Qm7ZcT0nRk5YpL2vXa9HsE`}
    />
  ),
  'sign-in-link-dead': () => <SignInLinkPage frame={NOBODY} link={null} action={links.signIn} />,
  'session-ended': () => <SessionEndedPage frame={NOBODY} reason="idle" wasActing />,
  refused: () => (
    <RefusedPage
      frame={MANAGER}
      heading="Main integration keys are for administrators"
      missing="the role Organisation admin"
      helper={{ name: 'Demo Org Admin', email: 'org-admin@example.com' }}
      instead={{ text: 'for the same work, create', href: links.createKey(), link: 'a personal key' }}
      requestId="8f1c2e60-5b7a"
    />
  ),
  'not-found': () => <NotFoundPage frame={ADMIN} />,
  unavailable: () => (
    <UnavailablePage
      frame={{ ...ADMIN, now: NOW }}
      reason="unavailable"
      graceSeconds={300}
      requestId="8f1c2e60-5b7a"
      retry={links.keys()}
    />
  ),
};
