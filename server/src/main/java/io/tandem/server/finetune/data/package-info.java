/** What jobs learn and adapters are measured by: files, read into examples on threads of their own. */
@NullMarked
package io.tandem.server.finetune.data;

import org.jspecify.annotations.NullMarked;
