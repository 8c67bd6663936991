import { Client } from "#client";
console.log(Client);
