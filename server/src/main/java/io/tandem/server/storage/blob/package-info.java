/** Files and directories of files by keys, on disk or in a bucket; each is whole or absent. */
@NullMarked
package io.tandem.server.storage.blob;

import org.jspecify.annotations.NullMarked;
