import { msg } from "@lingui/core/macro";
import { Trans, useLingui } from "@lingui/react/macro";
import { SORTS, type Sort, VIEWS, type View } from "./select";

const SORT_NAMES: Record<Sort, ReturnType<typeof msg>> = {
  worst: msg`Highest index now`,
  best: msg`Lowest index now`,
  peak: msg`Highest forecast, next 24 h`,
  risk: msg`Highest chance above 300`,
  name: msg`Name`,
};

const VIEW_NAMES: Record<View, ReturnType<typeof msg>> = {
  cards: msg`Cards`,
  list: msg`List`,
  map: msg`Map`,
  tiles: msg`Tiles`,
};

interface Props {
  sort: Sort;
  view: View;
  search: string;
  favouritesOnly: boolean;
  choose: (name: string, value: string) => void;
}

export function Controls({ sort, view, search, favouritesOnly, choose }: Props) {
  const { i18n } = useLingui();
  return (
    <search className="controls">
      <label>
        <Trans>Search</Trans>
        <input type="search" value={search} autoComplete="off" onChange={({ target }) => choose("q", target.value)} />
      </label>
      <label>
        <Trans>Order</Trans>
        <select value={sort} onChange={({ target }) => choose("sort", target.value)}>
          {SORTS.map((name) => (
            <option key={name} value={name}>
              {i18n._(SORT_NAMES[name])}
            </option>
          ))}
        </select>
      </label>
      <fieldset className="segmented">
        <legend>
          <Trans>View</Trans>
        </legend>
        {VIEWS.map((name) => (
          <label key={name}>
            <input type="radio" name="view" value={name} checked={view === name} onChange={() => choose("view", name)} />
            <span>{i18n._(VIEW_NAMES[name])}</span>
          </label>
        ))}
      </fieldset>
      <label className="checkbox">
        <input
          type="checkbox"
          checked={favouritesOnly}
          onChange={({ target }) => choose("favourites", target.checked ? "1" : "")}
        />
        <Trans>Favourites only</Trans>
      </label>
    </search>
  );
}
