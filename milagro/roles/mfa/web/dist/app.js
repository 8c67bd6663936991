import{Client as o}from"./milagro-client.js";console.log(o);
