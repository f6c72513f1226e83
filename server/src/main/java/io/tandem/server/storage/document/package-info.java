/** JSON documents and logs of lines in a database; each change is whole or absent. */
@NullMarked
package io.tandem.server.storage.document;

import org.jspecify.annotations.NullMarked;
