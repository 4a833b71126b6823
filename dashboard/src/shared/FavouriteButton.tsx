import { useLingui } from "@lingui/react/macro";
import { toggleFavourite, useFavourites } from "./favourites";

/** `city` is the name in the language in use. */
export function FavouriteButton({ slug, city }: { slug: string; city: string }) {
  const { t } = useLingui();
  const marked = useFavourites().has(slug);
  return (
    <button
      type="button"
      className="favourite"
      aria-pressed={marked}
      aria-label={t`Favourite: ${city}`}
      onClick={() => toggleFavourite(slug)}
    >
      <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
        <path d="M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9-4.3-4.1 5.9-.8z" />
      </svg>
    </button>
  );
}
