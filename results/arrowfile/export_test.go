package arrowfile

// BatchRows makes batches of n rows, so that tests need fewer.
func BatchRows(n int64) Option { return func(w *Writer) { w.limit = n } }
