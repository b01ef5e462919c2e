package telemetry

import (
	"io"
	"log/slog"
)

// NewLog returns the logger of a program: JSON lines. What is logged holds ids, codes and times; names, numbers and
// documents stay in the store, which is why no request or answer body is ever logged.
func NewLog(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
