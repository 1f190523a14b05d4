"""How a process behaves: settings, logs, metrics, tasks, serving. Knows nothing of chat."""
