/**
 * Fine-tuning jobs from their request to their adapters: {@code JobService} answers for them, and the packages below do the
 * work, one for each stage.
 */
@NullMarked
package io.tandem.server.finetune;

import org.jspecify.annotations.NullMarked;
