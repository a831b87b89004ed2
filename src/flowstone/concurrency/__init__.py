"""Slots of limits in user code: `concurrency` and `rate_limit`, in `.sync` and `.asyncio`."""
