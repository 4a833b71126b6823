import { useEffect } from "react";

/** The heading of a page, which is also the title of the window. */
export function PageTitle({ children }: { children: string }) {
  useEffect(() => {
    document.title = `${children} · Vayu`;
  }, [children]);
  return <h1>{children}</h1>;
}
