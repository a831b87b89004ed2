import { Square, SquareCheck } from "lucide-react";
import type { ComponentProps } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";
import { FarImage } from "~/features/artifacts/FarImage";

/** Markdown as it is meant; HTML in it stays text, and pictures from elsewhere wait to be asked for. */
export function MarkdownText({ text }: { text: string }) {
  return (
    <div className="markdown">
      <ReactMarkdown remarkPlugins={[remarkGfm]} components={COMPONENTS}>
        {text}
      </ReactMarkdown>
    </div>
  );
}

const COMPONENTS: Components = {
  a: ({ href, children }: ComponentProps<"a">) => (
    <a href={href} className="link" target="_blank" rel="noreferrer noopener">
      {children}
    </a>
  ),
  img: ({ src, alt }: ComponentProps<"img">) => (
    <FarImage address={typeof src === "string" ? src : ""} words={alt ?? ""} />
  ),
  input: ({ checked }: ComponentProps<"input">) => (
    <span role="img" aria-label={checked ? "Done" : "Not done"} className="markdown-check">
      {checked ? <SquareCheck size={15} /> : <Square size={15} />}
    </span>
  ),
  table: ({ children }: ComponentProps<"table">) => (
    <span className="markdown-table">
      <table className="table">{children}</table>
    </span>
  ),
};
