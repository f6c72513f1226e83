/**
 * LoRA adapters in ternary form, 8 to 50 times smaller than in bfloat16: compression, and a file format.
 *
 * <h2>The file</h2>
 *
 * All numbers are little-endian. A <i>varint</i> is an unsigned LEB128 in its shortest form.
 *
 * <table>
 * <caption>File</caption>
 * <tr><th>bytes</th><th>content</th></tr>
 * <tr><td>7</td><td>{@code COMPEFT} in ASCII</td></tr>
 * <tr><td>1</td><td>version: 1</td></tr>
 * <tr><td>2</td><td>flags: 0; a reader refuses what it does not know</td></tr>
 * <tr><td>4</td><td>length of the header, at most 1 MiB</td></tr>
 * <tr><td>that</td><td>header: a JSON object in UTF-8</td></tr>
 * <tr><td>varint</td><td>number of tensors, twice the number of modules</td></tr>
 * <tr><td>…</td><td>the tensors, ascending by layer, module and factor; A and B of a module are both there</td></tr>
 * <tr><td>4</td><td>CRC-32C of everything before</td></tr>
 * </table>
 *
 * The header has PEFT's keys {@code r}, {@code lora_alpha}, {@code use_rslora}, {@code target_modules} (a list of
 * labels) and {@code base_model_name_or_path}, and {@code scaling}: an object of those modules, by whole name, whose
 * factor on the product does not follow from the others and their rank.
 *
 * <table>
 * <caption>Tensor</caption>
 * <tr><th>bytes</th><th>content</th></tr>
 * <tr><td>varint</td><td>layer</td></tr>
 * <tr><td>1</td><td>module: 0 q_proj, 1 k_proj, 2 v_proj, 3 o_proj, 4 gate_proj, 5 up_proj, 6 down_proj, 7 qkv_proj,
 *     8 gate_up_proj; of an expert 9 gate_proj, 10 up_proj, 11 down_proj, 12 w1, 13 w3, 14 w2; plus 16 for factor B</td></tr>
 * <tr><td>varint</td><td>of modules from 9 on alone: the expert</td></tr>
 * <tr><td>varint</td><td>rows: the rank for A, the outputs for B</td></tr>
 * <tr><td>varint</td><td>columns: the inputs for A, the rank for B</td></tr>
 * <tr><td>4</td><td>scale, a float32 of 0 or more: the size of the numbers that are not zero</td></tr>
 * <tr><td>varint</td><td>count: how many are not zero</td></tr>
 * <tr><td>1</td><td>Rice parameter b, at most 30</td></tr>
 * <tr><td>…</td><td>bits, the highest of a byte first, filled up to a whole byte with zeros</td></tr>
 * </table>
 *
 * For each number that is not zero, in the order of their positions row by row, the bits tell how many zeros are
 * between it and the one before, g: {@code g >> b} ones, a zero, the lowest b bits of g; then its sign, a one if it is
 * negative.
 */
@NullMarked
package io.tandem.kernels.adapter.compeft;

import org.jspecify.annotations.NullMarked;
