import type { Format } from "./choice";

export const TOOLS = ["curl", "python", "r", "spreadsheet"] as const;
export type Tool = (typeof TOOLS)[number];

/** The rows of a workbook are on its last sheet; before it is one that explains them. */
const PANDAS: Record<Exclude<Format, "json">, (url: string) => string> = {
  csv: (url) => `pd.read_csv("${url}")`,
  xlsx: (url) => `pd.read_excel("${url}", sheet_name=-1)`,
  parquet: (url) => `pd.read_parquet("${url}")`,
};
const R: Record<"xlsx" | "parquet", (file: string) => string> = {
  xlsx: (file) => `readxl::read_excel("${file}", sheet = 2)`,
  parquet: (file) => `arrow::read_parquet("${file}")`,
};

/** Lines that fetch an address with a tool. Addresses hold no quote: `URLSearchParams` encodes them. */
export function snippet(tool: Tool, url: string, format: Format, file: string): string {
  switch (tool) {
    case "curl":
      return `curl -sSf --compressed -o ${file} '${url}'`;
    case "python":
      if (format !== "json") return `import pandas as pd\n\ndata = ${PANDAS[format](url)}`;
      return `import json\nimport urllib.request\n\nimport pandas as pd\n\nwith urllib.request.urlopen("${url}") as answer:\n    data = pd.json_normalize(json.load(answer)["points"])`;
    case "r":
      if (format === "csv") return `data <- read.csv("${url}")`;
      if (format !== "json") return `download.file("${url}", "${file}", mode = "wb")\ndata <- ${R[format](file)}`;
      return `data <- jsonlite::fromJSON("${url}", flatten = TRUE)$points`;
    case "spreadsheet":
      return `=IMPORTDATA("${url}")`;
  }
}
