"""The toy pair: what two attention-only models, one layer beside two, are like now and were while they were trained."""
