/** What comes of jobs, and how they end: checkpoints, models, base models, files. */
@NullMarked
package io.tandem.server.finetune.results;

import org.jspecify.annotations.NullMarked;
