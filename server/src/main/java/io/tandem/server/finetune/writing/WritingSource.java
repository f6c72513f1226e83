package io.tandem.server.finetune.writing;

import io.tandem.scheduler.TokenSource;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;

/**
 * Where the tokens of a tenant's written examples come from.
 *
 * @param tokens that nobody waits for; counted, and refused with status 429 while a quota is used up
 * @param atOnce answers that one job may wait for at this moment, at least one
 * @param nextRequestId unique in the process
 */
public record WritingSource(TokenSource tokens, IntSupplier atOnce, AtomicLong nextRequestId) {}
