package io.tandem.loadtest.simulation;

import io.tandem.loadtest.ApiClient;

/** What the requests of a run share. */
record Traffic(Run run, RequestSequence requests, ApiClient client, RequestLog log) {}
