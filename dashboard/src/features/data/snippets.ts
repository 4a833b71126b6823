import type { Format } from "./choice";

export const TOOLS = ["curl", "python", "r", "spreadsheet"] as const;
export type Tool = (typeof TOOLS)[number];

/** Lines that fetch an address with a tool. Addresses hold no quote: `URLSearchParams` encodes them. */
export function snippet(tool: Tool, url: string, format: Format, file: string): string {
  switch (tool) {
    case "curl":
      return `curl -sSf --compressed -o ${file} '${url}'`;
    case "python":
      return format === "csv"
        ? `import pandas as pd\n\ndata = pd.read_csv("${url}")`
        : `import json\nimport urllib.request\n\nimport pandas as pd\n\nwith urllib.request.urlopen("${url}") as answer:\n    data = pd.json_normalize(json.load(answer)["points"])`;
    case "r":
      return format === "csv" ? `data <- read.csv("${url}")` : `data <- jsonlite::fromJSON("${url}", flatten = TRUE)$points`;
    case "spreadsheet":
      return `=IMPORTDATA("${url}")`;
  }
}
