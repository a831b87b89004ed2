"""Pictures of flows: a graph, drawn from a flow or a run, as Mermaid text or as an SVG."""
