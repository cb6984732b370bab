"""The clients that call, as data: what each of them sends and takes differently, and the one place that speaks so."""
