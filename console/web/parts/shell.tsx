import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";
import { follow, go, route } from "../state/router.ts";
import { connected, me, signOut } from "../state/session.ts";
import { t } from "../texts/index.ts";
import { Icon, Logo } from "./icons.tsx";
import { complain } from "./toasts.tsx";

const PAGES = ["batches", "provisioning", "labels"] as const;

/** What is around every page: where one is, who one is, and whether the page hears of changes. */
export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  const { account, page } = route.value;
  return (
    <>
      <a class="skip" href="#content">
        {t.skip}
      </a>
      <header class="top">
        <a class="brand" href="/" onClick={follow}>
          <Logo />
          <span>{t.product}</span>
        </a>
        {account !== undefined && (
          <nav aria-label={t.nav.label}>
            {PAGES.map((name) => (
              <a
                key={name}
                href={`/${account}/${name}`}
                aria-current={page === name || (page === "batch" && name === "batches") ? "page" : undefined}
                onClick={follow}
              >
                {t.nav[name]}
              </a>
            ))}
          </nav>
        )}
        <div class="top-end">
          <AccountChoice />
          <ThemeButton />
          <span class="who" title={t.nav.signedInAs(me.value?.name ?? "")}>
            {me.value?.name}
          </span>
          <button
            type="button"
            class="button button-bare"
            aria-label={t.nav.signOut}
            title={t.nav.signOut}
            onClick={() => void signOut().catch(complain)}
          >
            <Icon name="out" />
          </button>
        </div>
      </header>
      {!connected.value && (
        <p class="offline" role="status">
          {t.offline}
        </p>
      )}
      <main id="content" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function AccountChoice(): JSX.Element | null {
  const { account, page } = route.value;
  const accounts = me.value?.accounts ?? [];
  const all = account === undefined || accounts.includes(account) ? accounts : [account, ...accounts];
  if (account === undefined || all.length === 0) return null;
  const to = page === "batch" || page === "start" ? "batches" : page;
  return (
    <label class="account">
      <span class="unseen">{t.nav.account}</span>
      <select
        class="select"
        value={account}
        onChange={({ currentTarget }) => go(`/${currentTarget.value}/${to}`, { stay: true })}
      >
        {all.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function isDark(): boolean {
  const { theme } = document.documentElement.dataset;
  return theme === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
}

export function ThemeButton(): JSX.Element {
  const [dark, setDark] = useState(isDark);
  const next = dark ? "light" : "dark";
  const change = (): void => {
    document.documentElement.dataset["theme"] = next;
    localStorage.setItem("certferry-theme", next);
    setDark(!dark);
  };
  return (
    <button
      type="button"
      class="button button-bare"
      aria-label={t.nav.theme(next)}
      title={t.nav.theme(next)}
      onClick={change}
    >
      <Icon name={dark ? "sun" : "moon"} />
    </button>
  );
}
