/** Fine-tuning jobs from their files to their adapters. */
@NullMarked
package io.tandem.server.finetune;

import org.jspecify.annotations.NullMarked;
