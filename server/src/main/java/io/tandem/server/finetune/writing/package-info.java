/** What an adapter writes in the manner of the file that it has learned, for that file's distillation. */
@NullMarked
package io.tandem.server.finetune.writing;

import org.jspecify.annotations.NullMarked;
