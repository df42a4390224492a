import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { CloudRow, Me } from "../../views/wire.ts";
import { Field } from "../parts/field.tsx";
import { Icon, Logo } from "../parts/icons.tsx";
import { PageHeading } from "../parts/page-heading.tsx";
import { ThemeButton } from "../parts/shell.tsx";
import { useTitle } from "../state/arrival.ts";
import { at, call } from "../state/api.ts";
import { findMe, findRights, rights, signOut, signedOut } from "../state/session.ts";
import { t } from "../texts/index.ts";
import { BATCH_ID, PARAMETER, batchIdOf } from "../../../desk/batch-id.ts";
import { add, isTheirs, keepSending, wanted } from "./queue.ts";
import { ReelCard } from "./reel-card.tsx";
import { Scanner } from "./scanner.tsx";

const ACCOUNT = "certferry-account";
const SHOWN = 12;
/** A browser opens no more than six connections to one server, for all of its pages. The others are asked about. */
const FOLLOWED = 3;

/** Binding, and nothing else: scan or type, and press Add. */
export function PhonePage({ me }: { me: Me }): JSX.Element {
  const [account, setAccount] = useState(() => accountOf(me));
  const [online, setOnline] = useState(navigator.onLine);
  useTitle(t.phone.title);
  useEffect(() => {
    const changed = (): void => {
      setOnline(navigator.onLine);
      if (navigator.onLine) void findMe();
    };
    addEventListener("online", changed);
    addEventListener("offline", changed);
    return () => {
      removeEventListener("online", changed);
      removeEventListener("offline", changed);
    };
  }, []);
  useEffect(() => keepSending(me.name, signedOut), [me.name]);
  useEffect(() => {
    if (account === undefined) return;
    localStorage.setItem(ACCOUNT, account);
    void findRights(account);
  }, [account, online]);
  // The latest, and all that is still to be sent.
  const entries = wanted.value.filter(({ state }, place) => state === "queued" || place < SHOWN);
  const followed = new Set(entries.filter((entry) => isTheirs(entry, me.name)).slice(0, FOLLOWED));
  return (
    <>
      <header class="phone-top">
        <Logo />
        <strong>{t.phone.title}</strong>
        <span class="end">
          <span class="who" title={t.nav.signedInAs(me.name)}>
            {me.name}
          </span>
          <ThemeButton />
          <button
            type="button"
            class="button button-bare"
            aria-label={t.nav.signOut}
            onClick={() => void signOut().catch(signedOut)}
          >
            <Icon name="out" />
          </button>
        </span>
      </header>
      {!online && (
        <p class="network" role="status">
          {t.phone.offline}
        </p>
      )}
      <main class="phone">
        <PageHeading unseen>{t.phone.title}</PageHeading>
        {account === undefined ? (
          <p class="note">{t.signIn.noAccounts}</p>
        ) : (
          <AddForm key={account} account={account} me={me} onAccount={setAccount} />
        )}
        {entries.length > 0 && (
          <section>
            <h2 class="unseen">{t.phone.recent}</h2>
            <ul class="reels">
              {entries.map((entry) => (
                <ReelCard key={entry.request} entry={entry} follow={followed.has(entry)} person={me.name} />
              ))}
            </ul>
          </section>
        )}
        <p class="desktop-only">
          <strong>{t.phone.desktop}</strong>
          {t.phone.desktopHint}
        </p>
      </main>
    </>
  );
}

interface AddFormProps {
  readonly account: string;
  readonly me: Me;
  readonly onAccount: (account: string) => void;
}

function AddForm({ account, me, onAccount }: AddFormProps): JSX.Element {
  const [batchId, setBatchId] = useState(() => batchIdOf(location.href) ?? "");
  const [misled, setMisled] = useState(batchId === "" && new URLSearchParams(location.search).has(PARAMETER));
  const [cloud, setCloud] = useState("");
  const fill = (given: string): void => {
    setBatchId(given);
    setMisled(false);
  };
  const id = batchId.trim();
  const wrong = id !== "" && !BATCH_ID.test(id);
  const submit = (): void => {
    if (id === "" || wrong) return;
    add({ account, batchId: id, clouds: cloud === "" ? "automatic" : [cloud], by: me.name });
    setBatchId("");
    // Opening the page anew must not fill in a reel that was just added.
    history.replaceState(null, "", location.pathname);
  };
  return (
    <div class="card">
      <Scanner onFound={fill} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Field
          label={t.phone.batchId}
          value={batchId}
          onInput={fill}
          error={wrong ? t.bind.batchIdWrong : misled ? t.phone.linkWrong : undefined}
          placeholder="D001"
          mono
          large
          capitals
        />
        {me.accounts.length > 1 && (
          <label class="field">
            {t.phone.account}
            <select
              class="select"
              value={account}
              onChange={({ currentTarget }) => onAccount(currentTarget.value)}
            >
              {me.accounts.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        {rights.value?.useClouds === true && (
          <CloudChoice account={account} value={cloud} onChange={setCloud} />
        )}
        <button type="submit" class="button button-main button-wide add" disabled={id === "" || wrong}>
          <Icon name="plus" />
          {t.phone.add}
        </button>
      </form>
    </div>
  );
}

/** For administrators alone: where the devices go. */
function CloudChoice(props: {
  account: string;
  value: string;
  onChange: (value: string) => void;
}): JSX.Element {
  const { account, onChange, value } = props;
  const [clouds, setClouds] = useState<readonly CloudRow[]>([]);
  useEffect(() => {
    call<CloudRow[]>(at(account, "clouds")).then(setClouds, () => undefined);
  }, [account]);
  return (
    <label class="field">
      {t.phone.cloud}
      <select class="select" value={value} onChange={({ currentTarget }) => onChange(currentTarget.value)}>
        <option value="">{t.phone.automatic}</option>
        {clouds.map(({ displayName, name }) => (
          <option key={name} value={name}>
            {displayName}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The account of the last time, if it is still one of this person's. */
function accountOf({ accounts }: Me): string | undefined {
  const last = localStorage.getItem(ACCOUNT);
  return accounts.find((name) => name === last) ?? accounts[0];
}
