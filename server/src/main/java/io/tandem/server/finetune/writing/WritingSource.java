package io.tandem.server.finetune.writing;

import io.tandem.scheduler.TokenSource;
import io.tandem.server.api.TenantId;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * Where the tokens of written examples come from.
 *
 * @param tokens of a tenant, that nobody waits for; counted, and refused with status 429 while a quota is used up
 * @param nextRequestId unique in the process
 */
public record WritingSource(Function<TenantId, TokenSource> tokens, AtomicLong nextRequestId) {}
