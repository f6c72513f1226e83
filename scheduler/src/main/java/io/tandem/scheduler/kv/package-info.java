/** Accounting of KV slots and cached tokens, without a tensor in it. */
@NullMarked
package io.tandem.scheduler.kv;

import org.jspecify.annotations.NullMarked;
