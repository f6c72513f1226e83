/** The life of a running job, from its files through the engine: its turn, its memory, its news. */
@NullMarked
package io.tandem.server.finetune.run;

import org.jspecify.annotations.NullMarked;
