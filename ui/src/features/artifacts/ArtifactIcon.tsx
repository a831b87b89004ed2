import { FileText, Image, type LucideIcon, Percent, Shapes, Table2 } from "lucide-react";

const LOOKS: Readonly<Record<string, { name: string; icon: LucideIcon }>> = {
  table: { name: "Table", icon: Table2 },
  markdown: { name: "Markdown", icon: FileText },
  image: { name: "Image", icon: Image },
  progress: { name: "Progress", icon: Percent },
};

/** What a type is called. */
export function typeText(type: string): string {
  return LOOKS[type]?.name ?? (type || "Data");
}

/** The sign of a type. */
export function ArtifactIcon({ type }: { type: string }) {
  const Icon = LOOKS[type]?.icon ?? Shapes;
  return (
    <span className="artifact-icon" title={typeText(type)}>
      <Icon size={16} aria-hidden="true" />
      <span className="hidden-text">{typeText(type)}</span>
    </span>
  );
}
