/** Which examples of a file stand for all of it, told by how their losses fell. Knows no device. */
@NullMarked
package io.tandem.server.finetune.distill;

import org.jspecify.annotations.NullMarked;
